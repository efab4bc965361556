terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

# Only the addresses differ from AWS. Keys come from the environment or from the files that Stint has written:
# AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, as README.md says.
provider "aws" {
  region                  = "us-east-1"
  skip_metadata_api_check = true

  endpoints {
    iam = var.endpoint
    sts = var.endpoint
  }
}
