variable "endpoint" {
  description = "Where Stint listens."
  type        = string
  default     = "http://127.0.0.1:8700"
}

variable "prefix" {
  description = "What all names begin with."
  type        = string
  default     = "example"
}

variable "team" {
  description = "Whom this belongs to: a tag of everything that has tags."
  type        = string
  default     = "platform"
}

variable "group_path" {
  description = "Path of the groups."
  type        = string
  default     = "/teams/"
}

variable "allowed_actions" {
  description = "What the policies allow."
  type        = list(string)
  default     = ["iam:GetUser", "iam:GetRole"]
}

variable "external_id" {
  description = "What whoever assumes the role has to say."
  type        = string
  default     = "example-1"
}

variable "session_seconds" {
  description = "How long sessions of the role may be."
  type        = number
  default     = 3600
}

variable "reader_path" {
  description = "Path of the user who reads."
  type        = string
  default     = "/people/"
}

variable "reader_develops" {
  description = "Whether the user who reads is a developer too."
  type        = bool
  default     = false
}

variable "reader_audits" {
  description = "Whether the user who reads is an auditor too, and auditors may list."
  type        = bool
  default     = true
}

variable "bounded" {
  description = "Whether the role has a permissions boundary."
  type        = bool
  default     = true
}

variable "key_status" {
  description = "Active or Inactive."
  type        = string
  default     = "Active"
}

variable "audiences" {
  description = "Client ids that the OpenID Connect provider issues tokens to."
  type        = list(string)
  default     = ["stint.example.com"]
}

variable "thumbprints" {
  description = "SHA-1 thumbprints of the certificates of the OpenID Connect provider."
  type        = list(string)
  default     = ["0123456789abcdef0123456789abcdef01234567"]
}

variable "saml_metadata" {
  description = "File with the metadata of the SAML provider."
  type        = string
  default     = "saml-metadata.xml"
}

variable "password_length" {
  description = "How long passwords have to be."
  type        = number
  default     = 14
}
