"""What drivers of language models share: a clock for the Trainer, a small model and its tokens."""

import signal
import time

import pandas as pd
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
)

END = "<|endoftext|>"


class Clock(TrainerCallback):
    """Ends training when the time for fitting does, and says how far it came."""

    def __init__(self, task):
        self.task = task

    def on_step_end(self, args, state, control, **_):
        """Stop where the time is over."""
        if self.task.left_s() <= 0:
            control.should_training_stop = True
        return control

    def on_train_end(self, args, state, control, **_):
        """Note how far training came."""
        self.task.note(f"{state.epoch or 0:.1f} epochs, {state.global_step} steps")
        return control


def clocked(task):
    """Have every Trainer of this process keep to the time."""
    original = Trainer.train

    def train(self, *args, **kwargs):
        self.add_callback(Clock(task))
        return original(self, *args, **kwargs)

    Trainer.train = train


def small(folder, texts, words=4000):
    """Save a small GPT-2 with random weights, and byte-level tokens learned from ``texts``.

    Weights learned on other texts would have to be downloaded; this needs no network.
    """
    tokens = Tokenizer(models.BPE())
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokens.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    how = trainers.BpeTrainer(vocab_size=words, special_tokens=[END], initial_alphabet=alphabet)
    tokens.train_from_iterator(texts, how)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokens, bos_token=END, eos_token=END, unk_token=END, pad_token=END
    )
    tokenizer.save_pretrained(folder)
    end = tokenizer.convert_tokens_to_ids(END)
    config = configured(len(tokenizer), 1024, bos_token_id=end, eos_token_id=end)
    GPT2LMHeadModel(config).save_pretrained(folder)
    return tokenizer


def configured(words, positions, **more):
    """Return the configuration of the small GPT-2 that all language models here have."""
    return GPT2Config(
        vocab_size=words, n_positions=positions, n_embd=128, n_layer=3, n_head=4, **more
    )


def portions(task, rows, size, make):
    """Return frames of ``make(n)`` until there are enough rows, or the time for sampling is over.

    A portion that is at work then is interrupted (TimeoutError within ``make``), as a model that
    writes no rows would go on for ever; what was made before counts.
    """

    def interrupt(*_):
        raise TimeoutError

    most = 0.9 * task.sample_limit_s
    signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, most)
    begun, made, count = time.perf_counter(), [], 0
    try:
        while count < rows and time.perf_counter() - begun < most:
            frame = make(min(size, rows - count))
            made.append(frame)
            count += len(frame)
            if not len(frame):
                break
    except TimeoutError:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return pd.concat(made or [pd.DataFrame(columns=[c["name"] for c in task.columns])])
