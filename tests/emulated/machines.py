"""The emulated machines, from the cards that people have to the ways in which a machine can be wrong.

Memory, driver and compute capability are as nvidia-smi prints them for these cards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from toolkit.machine.gpus import Gpu

DRIVER = "580.95.05"


@dataclass(frozen=True)
class Emulated:
    """One machine. `visible` is CUDA_VISIBLE_DEVICES, `slices` those of card 0 (MIG), `holders` the pids on card 0."""

    name: str
    what: str
    cards: tuple[Gpu, ...] = ()
    slices: tuple[Gpu, ...] = ()
    visible: str | None = None
    holders: tuple[int, ...] = ()
    compiler: bool = True
    torch: str = "2.14.0+cu130"
    cuda: int | None = 13
    smi_error: str | None = None
    memory_gib: int = 64
    disk_gib: int = 500

    @property
    def old_driver(self) -> bool:
        """Whether nvidia-smi does not know the fields that came later."""
        return any(card.driver and int(card.driver.split(".")[0]) < 510 for card in self.cards)


def card(name: str, memory_mib: int, capability: float, used_mib: int = 4) -> Gpu:
    return Gpu(
        index=0,
        uuid=f"GPU-{sum(map(ord, name)):08x}-0000-4000-8000-000000000000",
        name=name,
        memory_used_mib=used_mib,
        memory_total_mib=memory_mib,
        utilization_percent=0,
        driver=DRIVER,
        compute_mode="Default",
        compute_capability=capability,
    )


def several(one: Gpu, count: int) -> tuple[Gpu, ...]:
    return tuple(replace(one, index=n, uuid=f"{one.uuid[:-1]}{n}") for n in range(count))


T4 = card("Tesla T4", 15360, 7.5)
RTX4080 = card("NVIDIA GeForce RTX 4080", 16376, 8.9, 310)
A4000 = card("NVIDIA RTX A4000", 16376, 8.6)
RTX3090 = card("NVIDIA GeForce RTX 3090", 24576, 8.6)
RTX4090 = card("NVIDIA GeForce RTX 4090", 24564, 8.9)
A10G = card("NVIDIA A10G", 23028, 8.6)
A100 = card("NVIDIA A100-SXM4-80GB", 81920, 8.0)
H100 = card("NVIDIA H100 80GB HBM3", 81559, 9.0)
H200 = card("NVIDIA H200", 143771, 9.0)
V100 = card("Tesla V100-SXM2-32GB", 32768, 7.0)
GB10 = replace(card("NVIDIA GB10", 1, 12.1), memory_used_mib=None, memory_total_mib=None)
FOUR = several(RTX3090, 4)
BUSY = (replace(several(A100, 2)[0], memory_used_mib=61_400), several(A100, 2)[1])
MIG_CARD = replace(A100, mig=True, utilization_percent=None)
SLICES = tuple(
    replace(
        MIG_CARD,
        uuid=f"MIG-00000000-0000-5000-8000-00000000000{n}",
        name="3g.40gb",
        memory_total_mib=40192,
        memory_used_mib=38,
    )
    for n in (1, 2)
)
OLD = replace(RTX4090, driver="550.54.14")
VERY_OLD = replace(RTX3090, driver="470.256.02")
EXCLUSIVE = replace(A100, compute_mode="Exclusive_Process")

MACHINES = (
    Emulated("t4", "one T4", (T4,), memory_gib=32),
    Emulated("rtx4080", "one RTX 4080 that shows the desktop too", (RTX4080,)),
    Emulated("a4000", "one RTX A4000", (A4000,)),
    Emulated("rtx3090", "one RTX 3090", (RTX3090,)),
    Emulated("rtx4090", "one RTX 4090", (RTX4090,)),
    Emulated("a100", "one A100 of 80 GB", (A100,), memory_gib=128),
    Emulated("h100", "one H100 of 80 GB", (H100,), memory_gib=128),
    Emulated("h200", "one H200", (H200,), memory_gib=128),
    Emulated("8xh100", "eight H100 of 80 GB", several(H100, 8), memory_gib=1024),
    Emulated("4x24gb", "four cards of 24 GB (A10G)", several(A10G, 4), memory_gib=192),
    Emulated("busy", "two A100, the first in use by others", BUSY, memory_gib=128),
    Emulated("by-index", "four RTX 3090, CUDA_VISIBLE_DEVICES by index", FOUR, visible="2,1"),
    Emulated("by-uuid", "four RTX 3090, CUDA_VISIBLE_DEVICES by UUID", FOUR, visible=FOUR[3].uuid),
    Emulated("mig", "a slice of an A100 (MIG 3g.40gb)", (MIG_CARD,), SLICES, visible=SLICES[1].uuid),
    Emulated("old-driver", "an RTX 4090 under driver 550", (OLD,)),
    Emulated("very-old-driver", "an RTX 3090 under driver 470, whose nvidia-smi knows less", (VERY_OLD,)),
    Emulated("no-compiler", "an RTX 3090 without a C compiler", (RTX3090,), compiler=False),
    Emulated("exclusive", "an A100 in exclusive mode that somebody holds", (EXCLUSIVE,), holders=(4242,)),
    Emulated("v100", "a V100, too old for this torch", (V100,)),
    Emulated("cpu-torch", "an RTX 3090 and a torch for the CPU", (RTX3090,), torch="2.14.0+cpu", cuda=None),
    Emulated("unknown-memory", "a card that does not say its memory ([N/A])", (GB10,), memory_gib=128),
    Emulated(
        "smi-fails",
        "a driver that was updated without a restart",
        smi_error="Failed to initialize NVML: Driver/library version mismatch",
    ),
    Emulated("no-gpu", "the CUDA set on a machine without a GPU"),
)
BY_NAME = {machine.name: machine for machine in MACHINES}
