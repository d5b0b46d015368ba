"""SageMaker beyond moto: endpoints that take time and can fail, capacity, a registry that keeps what it is given."""
