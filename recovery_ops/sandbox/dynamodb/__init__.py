"""DynamoDB beyond moto: tables that take time, global tables that replicate, honest point-in-time restore."""
