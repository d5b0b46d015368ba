"""An honest small CloudFormation: takes time, reports every resource, rolls back for real, refuses what it lacks."""
