# Roles, who may assume them, and an instance profile.

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_user.deployer.arn, data.aws_caller_identity.current.account_id]
    }
    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = [var.external_id]
    }
  }
}

resource "aws_iam_role" "deploy" {
  name                 = "${var.prefix}-deploy"
  path                 = "/ci/"
  description          = "Deploys what ${var.team} has built."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = var.session_seconds
  permissions_boundary = var.bounded ? aws_iam_policy.bound.arn : null
  tags                 = { Team = var.team }
}

resource "aws_iam_role" "machine" {
  name                  = "${var.prefix}-machine"
  force_detach_policies = true
  assume_role_policy    = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "ec2.amazonaws.com" }, Action = "sts:AssumeRole" }] })
}

resource "aws_iam_instance_profile" "machine" {
  name = "${var.prefix}-machine"
  role = aws_iam_role.machine.name
  tags = { Team = var.team }
}
