# Managed and inline policies, and where they are attached.

data "aws_iam_policy_document" "read" {
  statement {
    sid       = "Read"
    actions   = var.allowed_actions
    resources = ["*"]
  }
  statement {
    actions   = ["iam:ListAccessKeys"]
    resources = ["arn:aws:iam::${data.aws_caller_identity.current.account_id}:user/$${aws:username}"]
    condition {
      test     = "StringEquals"
      variable = "aws:PrincipalTag/Team"
      values   = [var.team]
    }
  }
}

resource "aws_iam_policy" "read" {
  name        = "${var.prefix}-read"
  path        = "/shared/"
  description = "What everybody may look at."
  policy      = data.aws_iam_policy_document.read.json
  tags        = { Team = var.team }
}

resource "aws_iam_policy" "bound" {
  name   = "${var.prefix}-bound"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = ["iam:*", "sts:*"], Resource = "*" }] })
}

resource "aws_iam_policy" "list" {
  name   = "${var.prefix}-list"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "iam:List*", Resource = "*" }] })
}

# All the attachments of one policy …
resource "aws_iam_policy_attachment" "list" {
  name       = "${var.prefix}-list"
  policy_arn = aws_iam_policy.list.arn
  users      = [aws_iam_user.deployer.name]
  groups     = var.reader_audits ? [aws_iam_group.auditors.name] : []
  roles      = [aws_iam_role.deploy.name]
}

# … or single ones.
resource "aws_iam_user_policy_attachment" "deployer" {
  user       = aws_iam_user.deployer.name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_iam_group_policy_attachment" "readers" {
  group      = aws_iam_group.readers.name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_iam_role_policy_attachment" "deploy" {
  role       = aws_iam_role.deploy.name
  policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}

resource "aws_iam_user_policy" "deployer" {
  name   = "assume"
  user   = aws_iam_user.deployer.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Resource = aws_iam_role.deploy.arn, Condition = { StringEquals = { "sts:ExternalId" = var.external_id } } }] })
}

resource "aws_iam_group_policy" "developers" {
  name   = "read"
  group  = aws_iam_group.developers.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = var.allowed_actions, Resource = "*" }] })
}

resource "aws_iam_role_policy" "deploy" {
  name   = "read"
  role   = aws_iam_role.deploy.id
  policy = data.aws_iam_policy_document.read.json
}
