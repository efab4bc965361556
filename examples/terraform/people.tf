# Users, their keys, and the groups they are in.

resource "aws_iam_user" "deployer" {
  name = "${var.prefix}-deployer"
  path = "/people/"
  tags = { Team = var.team }
}

resource "aws_iam_user" "reader" {
  name                 = "${var.prefix}-reader"
  path                 = var.reader_path
  permissions_boundary = aws_iam_policy.read.arn
  tags                 = { Team = var.team }
}

resource "aws_iam_access_key" "deployer" {
  user   = aws_iam_user.deployer.name
  status = var.key_status
}

resource "aws_iam_group" "developers" {
  name = "${var.prefix}-developers"
  path = var.group_path
}

resource "aws_iam_group" "readers" {
  name = "${var.prefix}-readers"
  path = var.group_path
}

resource "aws_iam_group" "auditors" {
  name = "${var.prefix}-auditors"
}

# All the members of one group …
resource "aws_iam_group_membership" "developers" {
  name  = "${var.prefix}-developers"
  group = aws_iam_group.developers.name
  users = concat([aws_iam_user.deployer.name], var.reader_develops ? [aws_iam_user.reader.name] : [])
}

# … or some of the groups of one user.
resource "aws_iam_user_group_membership" "reader" {
  user   = aws_iam_user.reader.name
  groups = concat([aws_iam_group.readers.name], var.reader_audits ? [aws_iam_group.auditors.name] : [])
}
