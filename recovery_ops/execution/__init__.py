"""One step from start to recorded outcome; the same code under Airflow and under the direct runner."""
