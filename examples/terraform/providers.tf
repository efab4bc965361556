# Who else may sign people and programs in.

resource "aws_iam_openid_connect_provider" "ci" {
  url             = "https://${var.prefix}.ci.example.com"
  client_id_list  = var.audiences
  thumbprint_list = var.thumbprints
  tags            = { Team = var.team }
}

resource "aws_iam_saml_provider" "staff" {
  name                   = "${var.prefix}-staff"
  saml_metadata_document = file(var.saml_metadata)
  tags                   = { Team = var.team }
}

resource "aws_iam_role" "pipeline" {
  name = "${var.prefix}-pipeline"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = aws_iam_openid_connect_provider.ci.arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
    }]
  })
}
