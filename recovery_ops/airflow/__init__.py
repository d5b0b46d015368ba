"""The bridge to Airflow 3.3: operators that make one library call each, DAGs from catalogs, settings as code.

The only package that imports airflow.
"""
