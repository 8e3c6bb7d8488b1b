"""REaLTabFormer: numbers as digits, one vocabulary per column, a GPT-2 from scratch.

A smaller GPT-2 than its default of 12 layers, for the time there is on a processor. Its own
stopping rule (bootstrapped sensitivity every few epochs) costs more than such a limit allows: it
trains until the time is over. A constant learning rate, for the same reason.
"""

from language import clocked, configured, portions
from protocol import NUMBERS, run
from realtabformer import REaLTabFormer

PORTION = 512


def fit(task):
    clocked(task)
    frame = task.frame()
    config = configured(50257, 1024)
    model = REaLTabFormer(
        model_type="tabular",
        tabular_config=config,
        checkpoints_dir=str(task.folder / "checkpoints"),
        samples_save_dir=str(task.folder / "samples"),
        full_save_dir=str(task.folder / "saved"),
        epochs=10_000,
        batch_size=32,
        gradient_accumulation_steps=1,
        learning_rate=5e-4,
        lr_scheduler_type="constant",
        numeric_max_len=max([10, *(longest(frame[n]) for n in task.named(*NUMBERS))]),
        save_strategy="no",
        logging_strategy="no",
        eval_strategy="no",
        load_best_model_at_end=False,
        report_to=[],
        use_cpu=True,
        random_state=task.seed + 1,
    )
    model.fit(frame, device="cpu", n_critic=0)
    return model


def longest(values):
    """Return how many characters the longest number of a column has."""
    return int(values.astype(str).str.len().max())


def sample(task, model, rows):
    def make(count):
        return model.sample(n_samples=count, gen_batch=min(count, 256), device="cpu")

    return portions(task, rows, PORTION, make)


if __name__ == "__main__":
    run(fit, sample, ["realtabformer", "transformers", "torch", "pandas"])
