# What is there already.

data "aws_caller_identity" "current" {}

data "aws_iam_role" "deploy" {
  name = aws_iam_role.deploy.name
}

# The role behind a session: what policies should name that this configuration writes about itself.
data "aws_iam_session_context" "current" {
  arn = data.aws_caller_identity.current.arn
}

data "aws_iam_session_context" "deploy" {
  arn = "arn:aws:sts::${data.aws_caller_identity.current.account_id}:assumed-role/${aws_iam_role.machine.name}/i-0123"
}
