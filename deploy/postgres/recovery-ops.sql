-- Run once, when the volume is new: the projection has a database of its own beside Airflow's.
CREATE DATABASE recovery_ops;
