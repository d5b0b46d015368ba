"""S3 as AWS does it: replication between regions, object lock that holds, refused damage on the way in."""
