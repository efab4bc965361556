output "account" {
  value = data.aws_caller_identity.current.account_id
}

output "issuer_of_the_caller" {
  value = data.aws_iam_session_context.current.issuer_arn
}

output "issuer_of_a_machine" {
  value = data.aws_iam_session_context.deploy.issuer_arn
}

output "role" {
  value = data.aws_iam_role.deploy.arn
}

output "access_key_id" {
  value = aws_iam_access_key.deployer.id
}

output "secret_access_key" {
  value     = aws_iam_access_key.deployer.secret
  sensitive = true
}

output "guest_password" {
  value     = aws_iam_user_login_profile.guest.password
  sensitive = true
}
