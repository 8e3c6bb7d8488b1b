"""GReaT (be-great): rows as sentences, a causal language model fine-tuned on them.

Its makers start from pretrained GPT-2. Weights cannot be had without a network, so that it starts
here from a small GPT-2 with random weights and tokens learned from the rows: what it knows of the
world beforehand is missing, what it learns of the table is not. A constant learning rate, as the
time and not a number of epochs ends training; sampling with its defaults, but for the length.
"""

from be_great import GReaT
from language import clocked, portions, small
from protocol import run

PORTION = 64


def fit(task):
    clocked(task)
    frame = texts(task)
    lines = [", ".join(f"{k} is {v}" for k, v in row.items()) for row in frame.to_dict("records")]
    place = str(task.folder / "gpt2")
    tokenizer = small(place, lines)
    longest = max(len(ids) for ids in tokenizer(lines[:1000])["input_ids"])
    model = GReaT(
        llm=place,
        experiment_dir=str(task.folder / "trainer"),
        epochs=10_000,
        batch_size=32,
        learning_rate=5e-4,
        lr_scheduler_type="constant",
        save_strategy="no",
        logging_strategy="no",
        use_cpu=True,
        seed=task.seed,
    )
    model.fit(frame)
    return model, min(1024, longest + 24)


def texts(task):
    """Return the rows as GReaT should spell them: numbers as numbers, moments in ISO."""
    frame = task.frame()
    for name in task.named("date"):
        frame[name] = frame[name].dt.strftime("%Y-%m-%d")
    for column in task.columns:
        if column["kind"] == "decimal":
            frame[column["name"]] = frame[column["name"]].round(column["scale"])
        if column["kind"] == "integer" and frame[column["name"]].isna().any():
            frame[column["name"]] = frame[column["name"]].astype("Int64").astype(object)
    return frame.astype(object).where(frame.notna(), "None") if frame.isna().any().any() else frame


def sample(task, fitted, rows):
    model, length = fitted

    def make(count):
        made = model.sample(count, k=count, max_length=length, device="cpu")
        return made.replace({"None": None, "nan": None})

    return portions(task, rows, PORTION, make)


if __name__ == "__main__":
    run(fit, sample, ["be-great", "transformers", "torch", "pandas"])
