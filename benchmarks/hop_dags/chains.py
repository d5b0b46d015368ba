"""Airflow DAGs of the hop benchmark: tasks in a row."""

from airflow.sdk import DAG, chain

from benchmarks.hop_operators import Judge, NoOp

for name, operator, length in (("noop", NoOp, 10), ("judge", Judge, 10), ("judge_short", Judge, 3)):
    with DAG(f"chain_{name}", schedule=None, catchup=False, is_paused_upon_creation=False, max_active_runs=1) as dag:
        chain(*(operator(task_id=f"t{number:02}") for number in range(length)))
    globals()[dag.dag_id] = dag
