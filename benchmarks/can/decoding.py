"""How fast frames become physical values, beside other decoders of DBC files.

    python benchmarks/can/decoding.py [--rounds 7] [--data ../shared/data/can]

On the DBC of a 96-cell pack (pack_dbc.py), classic and CAN FD, and on three public ones where the folder of data is
there. Frames are random: messages equally often, each as long as its DBC says, multiplexers at values that it knows.
All decoders take the same frames, in turn, in every round; the figures are medians of the rounds, in CPU time of the
process, because other programs may run. What is timed is the decoding of frames that lie ready, in the form that the
decoder takes, to all physical values:

    batch 1           twelve different frames, each by itself
    PackSeal          up to 32 frames decode_frame, one call a frame, a dict each; above, decode and all its columns
    columns by name   the same from 33 on, and every signal's column taken out by its name
    raw               decode alone: what a binding needs, which computes in integers
    peers             as decoding_peers.py says; above 1,024 frames all but asammdf get 1,024 and are scaled

First the values are compared with those of cantools. The last line is the figures as JSON. About six minutes.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "gateway")]

from benchmarks.can import pack_dbc  # noqa: E402
from benchmarks.can.decoding_peers import PEERS, Decode, Work, prepared, quiet, version  # noqa: E402

from packseal.frames import Frames  # noqa: E402  # once they can be found
from packseal.signals import Decoder, MessageLayout, SignalLayout, load_dbc  # noqa: E402
from packseal.signals.dbc_text import check_text, decode_text  # noqa: E402
from packseal.signals.decoder import FEW_FRAMES  # noqa: E402

BATCHES = (1, 32, 256, 1024, 4096, 65_536)
SLOW = {"cantools", "canmatrix", "opendbc", "can_decoder"}
MOST_OF_SLOW = 1024
SINGLES = 12
PUBLIC = (
    "dalathegreat__leaf_can_bus_messages/EV-can_AZE0.dbc",
    "foxBMS__foxbms-2/tools/dbc/foxbms.dbc",
    "commaai__opendbc/opendbc/dbc/generator/hyundai/hyundai_canfd.dbc",
)
BARS = {  # DBC, batch: at least so many times cantools
    ("pack", 1): 3,
    ("pack", 1024): 25,
    ("pack", 4096): 60,
    ("pack FD", 1024): 40,
}
ASAMMDF_BAR = 10


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--data", type=Path, default=ROOT.parent / "shared/data/can")
    options = arguments.parse_args()
    versions = {peer.__name__: version(peer.__name__) for peer in PEERS} | {"numpy": np.__version__}
    print(f"Python {platform.python_version()}, {', '.join(f'{name} {found}' for name, found in versions.items())}")
    figures: dict[str, dict[int, dict[str, float | str]]] = {}
    for name, text in texts(options.data).items():
        figures[name] = measure_dbc(name, text, options.rounds)
    print(json.dumps({"versions": versions, "frames_per_s": figures, "bars": verdicts(figures)}))


def texts(folder: Path) -> Mapping[str, str]:
    found = {"pack": pack_dbc.classic(), "pack FD": pack_dbc.flexible()}
    for place in PUBLIC:
        paths = list(folder.rglob(Path(place).name)) if folder.is_dir() else []
        if paths:
            found[Path(place).stem] = check_text(decode_text(paths[0].read_bytes()))[0]
        else:
            print(f"left out: {place} is not in {folder}")
    return found


def measure_dbc(name: str, text: str, rounds: int) -> dict[int, dict[str, float | str]]:
    decoder = load_dbc(text.encode())
    per_frame = compare(decoder, Work(text, random_frames(decoder, 1000)))
    print(f"\n{name}: {len(decoder.messages)} messages, {len(decoder.signals)} signals, {per_frame:.1f} in a frame;")
    print("values equal to cantools'; 1,000 frames a second, and how many times cantools")
    result: dict[int, dict[str, float | str]] = {}
    frames = random_frames(decoder, BATCHES[-1])
    for batch in BATCHES:
        taken = first(frames, max(batch, SINGLES))
        result[batch] = (measure if batch > 1 else measure_single)(decoder, text, taken, rounds)
        cells = [cell(who, figure, result[batch]["cantools"]) for who, figure in result[batch].items()]
        print(f"{batch:>7} | " + " | ".join(cells))
    return result


def cell(who: str, figure: float | str, of_cantools: float | str) -> str:
    if isinstance(figure, str):
        return f"{who}: {figure}"
    times = f" ({figure / of_cantools:.1f}x)" if isinstance(of_cantools, float) and who != "cantools" else ""
    return f"{who} {figure / 1000:,.0f}{times}"


def measure(decoder: Decoder, text: str, frames: Frames, rounds: int) -> dict[str, float | str]:
    """who -> frames per second, or why there is no figure."""
    result: dict[str, float | str] = {}
    functions: dict[str, tuple[Decode, int]] = {name: (f, len(frames)) for name, f in ours(decoder, frames).items()}
    for peer in PEERS:
        few = first(frames, MOST_OF_SLOW) if peer.__name__ in SLOW else frames
        made = prepared(peer, Work(text, few))
        if isinstance(made, str):
            result[peer.__name__] = made
        else:
            functions[peer.__name__] = (made, len(few))
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    repeats = {name: calls(function) for name, (function, _) in functions.items()}
    for _ in range(rounds):
        for name, (function, _) in functions.items():
            seconds[name].append(timed(function, repeats[name]))
    return {name: functions[name][1] / statistics.median(times) for name, times in seconds.items()} | result


def measure_single(decoder: Decoder, text: str, frames: Frames, rounds: int) -> dict[str, float | str]:
    """The same for one frame at a time, over SINGLES of them, because messages differ."""
    each = [measure(decoder, text, frames.select(np.array([row])), rounds) for row in range(SINGLES)]
    result: dict[str, float | str] = {}
    for who, figure in each[0].items():
        figures = [one[who] for one in each]
        numbers = [one for one in figures if isinstance(one, float)]
        result[who] = statistics.harmonic_mean(numbers) if len(numbers) == SINGLES else figure
    return result


def calls(function: Decode) -> int:
    """So many that they take some 20 ms, once it is warm."""
    with quiet():
        function()
    return max(1, min(2000, int(0.02 / max(timed(function, 2), 1e-6))))


def timed(function: Decode, times: int) -> float:
    with quiet():
        started = time.process_time()
        for _ in range(times):
            function()
        return (time.process_time() - started) / times


def ours(decoder: Decoder, frames: Frames) -> dict[str, Decode]:
    def columns() -> None:
        for part in decoder.decode(frames).parts:
            part.segments.physical  # noqa: B018  # made when it is first read

    def by_name() -> None:
        for values in decoder.decode(frames).values.values():
            values.physical  # noqa: B018

    def raw() -> None:
        decoder.decode(frames)

    if len(frames) > FEW_FRAMES:
        return {"PackSeal": columns, "columns by name": by_name, "raw": raw}
    rows = [(i | e << 31, data) for i, e, data in Work("", frames).each()]

    def one_by_one() -> None:
        for key, data in rows:
            decoder.decode_frame(key, data)

    return {"PackSeal": one_by_one, "raw": raw}


def compare(decoder: Decoder, work: Work) -> float:
    """Values in a frame, of those that cantools decodes; ends the program where one differs."""
    import cantools.database  # noqa: PLC0415

    database = cantools.database.load_string(work.text, "dbc", strict=False)
    by_key = {message.frame_id | message.is_extended_frame << 31: message for message in database.messages}
    found: dict[tuple[str, int], float] = {}
    for name, values in decoder.decode(work.frames).values.items():
        found |= {(name, row): x for row, x in zip(values.time_ns.tolist(), values.scaled.tolist(), strict=True)}
    count = frames = 0
    for row, (can_id, is_extended, data) in enumerate(work.each()):
        message = by_key[can_id | is_extended << 31]
        try:
            decoded = message.decode(data, decode_choices=False, allow_truncated=True)
        except cantools.database.DecodeError:
            continue
        frames += 1
        for name, value in decoded.items():
            ours_is = found[f"{message.name}.{name}", row]
            if not np.isclose(ours_is, float(value), rtol=2**-51, atol=0, equal_nan=True):
                raise SystemExit(f"{message.name}.{name}: {ours_is}, cantools {value}")
            count += 1
    return count / frames


def verdicts(figures: Mapping[str, Mapping[int, Mapping[str, float | str]]]) -> dict[str, bool]:
    result: dict[str, bool] = {}
    for (name, batch), least in BARS.items():
        result[f"{name} at {batch}: {least}x cantools"] = ratio(figures[name][batch], "cantools") >= least
    for batch in BATCHES[2:]:
        times = ratio(figures["pack"][batch], "asammdf")
        result[f"pack at {batch}: {ASAMMDF_BAR}x asammdf"] = times >= ASAMMDF_BAR
    return result


def ratio(figures: Mapping[str, float | str], peer: str) -> float:
    """nan where one of the two has no figure."""
    mine, theirs = figures["PackSeal"], figures[peer]
    return mine / theirs if isinstance(mine, float) and isinstance(theirs, float) else float("nan")


def first(frames: Frames, count: int) -> Frames:
    return frames if count >= len(frames) else frames.select(np.arange(count))


def random_frames(decoder: Decoder, count: int) -> Frames:
    """time_ns is the row."""
    rng = np.random.default_rng(1)
    messages = [message for message in decoder.messages if message.signals]
    picked = rng.integers(0, len(messages), count)
    width = 64 if any(message.length > 8 for message in messages) else 8
    data = rng.integers(0, 256, (count, width), np.uint8)
    for number, message in enumerate(messages):
        rows = np.flatnonzero(picked == number)
        data[rows, message.length :] = 0
        put_known(message, data, rows, rng)
    return Frames(
        can_id=np.array([message.can_id for message in messages], np.uint32)[picked],
        is_extended=np.array([message.is_extended for message in messages])[picked],
        time_ns=np.arange(count),
        channel=np.zeros(count, np.uint8),
        length=np.array([message.length for message in messages], np.uint8)[picked],
        data=data,
    )


def put_known(message: MessageLayout, data: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> None:
    """Known values into the multiplexers of these rows."""
    for signal in message.signals:
        switched = [one.multiplexer_values for one in message.signals if one.multiplexer == signal.name]
        if switched and signal.bytes_needed <= message.length:
            put(signal, data, rows, rng.choice(sorted(frozenset().union(*switched)), len(rows)))


def put(signal: SignalLayout, data: np.ndarray, rows: np.ndarray, raw: np.ndarray) -> None:
    byte, bit = signal.lowest
    step = 1 if signal.is_little_endian else -1
    for place in range(signal.bit_length):
        at, shift = byte + step * ((bit + place) // 8), (bit + place) % 8
        data[rows, at] = data[rows, at] & ~np.uint8(1 << shift) | ((raw >> place & 1) << shift).astype(np.uint8)


if __name__ == "__main__":
    main()
