"""AWS as this library speaks to it: clients per region, errors translated, waits that end, copies, traffic moved.

The only package besides the sandbox that imports boto3 and botocore.
"""
