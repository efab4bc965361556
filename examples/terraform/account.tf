# The account itself, and a guest who signs in with a password.

resource "aws_iam_account_alias" "this" {
  account_alias = "${var.prefix}-account"
}

resource "aws_iam_account_password_policy" "this" {
  minimum_password_length        = var.password_length
  require_lowercase_characters   = true
  require_uppercase_characters   = true
  require_numbers                = true
  require_symbols                = true
  allow_users_to_change_password = true
  max_password_age               = 90
  password_reuse_prevention      = 5
}

# Whatever the guest has come to have by himself goes with him.
resource "aws_iam_user" "guest" {
  name          = "${var.prefix}-guest"
  force_destroy = true
  tags          = { Team = var.team }
}

resource "aws_iam_user_login_profile" "guest" {
  user            = aws_iam_user.guest.name
  password_length = 20

  # They count when the password is made, and are not known of an imported one.
  lifecycle {
    ignore_changes = [password_length, password_reset_required]
  }
}

# Made, but not enabled: that takes two codes of whoever scans it.
resource "aws_iam_virtual_mfa_device" "guest" {
  virtual_mfa_device_name = "${var.prefix}-guest"
  tags                    = { Team = var.team }
}
