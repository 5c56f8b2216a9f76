# /// script
# dependencies = ["parea-ai==0.2.220", "tqdm==4.70.1"]
# ///
from parea import Experiment, Parea, trace
from parea.schemas import Log


def exact(log: Log) -> float:
    return float(log.output == log.target)


@trace(eval_funcs=[exact])
def greet(name: str) -> str:
    return f"Hello {name}"


experiment = Experiment(
    experiment_name="greetings",
    data=[{"name": "Ada", "target": "Hello Ada"}, {"name": "Alan", "target": "Hi Alan"}],
    func=greet,
    p=Parea(project_name="greetings"),
)
experiment.run()
print(experiment.avg_scores)  # {'exact': 0.5}
