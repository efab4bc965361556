#!/usr/bin/env python3
"""The first quarter of an hour with Stint, told with boto3.

    npm start                        # in one terminal
    python3 examples/quickstart.py   # in another, in the same folder

An argument names the endpoint of another Stint. It signs with the root access key in .stint/aws
(STINT_DATA_DIR names another folder); where there is none, with the credentials that boto3 finds by itself.
What it makes it removes at the end.
"""

import json
import os
import re
import sys
import uuid
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

DATA = Path(os.environ.get("STINT_DATA_DIR", ".stint"))


def find_endpoint():
    """Points boto3 to the files of the bootstrap, and tells where Stint listens."""
    config = Path(os.environ.get("AWS_CONFIG_FILE", DATA / "aws" / "config"))
    credentials = Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE", DATA / "aws" / "credentials"))
    written = None
    if config.is_file() and credentials.is_file():
        os.environ["AWS_CONFIG_FILE"] = str(config)
        os.environ["AWS_SHARED_CREDENTIALS_FILE"] = str(credentials)
        # They would be preferred to the files.
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
            os.environ.pop(name, None)
        written = re.search(r"^endpoint_url *= *(\S+)", config.read_text(), re.MULTILINE)
    if len(sys.argv) > 1:
        return sys.argv[1]
    return written.group(1) if written else "http://127.0.0.1:8700"


def step(text):
    print(f"\n== {text}", flush=True)


def trust(principal):
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def refused(code, call, **parameters):
    """Makes a call that must be refused with this error code."""
    try:
        call(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] != code:
            raise
        print(error)
    else:
        raise SystemExit(f"this should have been refused with {code}")


def main():
    endpoint = find_endpoint()
    root = boto3.Session(region_name="us-east-1")

    # With endpoint_url, because older versions do not read it from the configuration.
    def client(service, keys=None):
        session = root if keys is None else boto3.Session(region_name="us-east-1", **keys)
        return session.client(service, endpoint_url=endpoint)

    iam = client("iam")
    name = f"quickstart-{uuid.uuid4().hex[:8]}"
    user, role, closed = f"{name}-user", f"{name}-role", f"{name}-closed-role"
    undo = []
    try:
        step(f"Who am I? (at {endpoint})")
        print(client("sts").get_caller_identity()["Arn"])

        step(f"Create the user {user}")
        arn = iam.create_user(UserName=user)["User"]["Arn"]
        undo.append(lambda: iam.delete_user(UserName=user))
        print(arn)

        step("Give the user an access key")
        key = iam.create_access_key(UserName=user)["AccessKey"]
        undo.append(lambda: iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"]))
        keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        sts = client("sts", keys)
        print(sts.get_caller_identity()["Arn"])

        step(f"Create the role {role}, whose trust policy names the user")
        role_arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust({"AWS": arn}))["Role"]["Arn"]
        undo.append(lambda: iam.delete_role(RoleName=role))
        print(role_arn)

        step("Assume it as the user: credentials for one hour")
        session = sts.assume_role(RoleArn=role_arn, RoleSessionName="quickstart")["Credentials"]
        print(f"{session['AccessKeyId']}, until {session['Expiration'].isoformat()}")

        step("Who am I with the session?")
        session_keys = {
            "aws_access_key_id": session["AccessKeyId"],
            "aws_secret_access_key": session["SecretAccessKey"],
            "aws_session_token": session["SessionToken"],
        }
        print(client("sts", session_keys).get_caller_identity()["Arn"])

        step(f"Create the role {closed}, which trusts somebody else")
        other = trust({"Service": "ec2.amazonaws.com"})
        closed_arn = iam.create_role(RoleName=closed, AssumeRolePolicyDocument=other)["Role"]["Arn"]
        undo.append(lambda: iam.delete_role(RoleName=closed))
        print(closed_arn)

        step("It refuses the user")
        refused("AccessDenied", sts.assume_role, RoleArn=closed_arn, RoleSessionName="quickstart")

        step("Make the user's access key inactive")
        iam.update_access_key(UserName=user, AccessKeyId=key["AccessKeyId"], Status="Inactive")
        refused("InvalidClientTokenId", sts.get_caller_identity)

        step("All of it worked")
    finally:
        step("Clean up")
        for action in reversed(undo):
            action()


if __name__ == "__main__":
    main()
