"""A seeded world: real data, a really trained model, and what lies in AWS before a disaster."""
