"""Where clients arrive: the data plane of API Gateway, one listener a region."""
