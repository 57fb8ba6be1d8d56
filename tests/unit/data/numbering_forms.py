"""Forms in which people number steps, all of the same three steps, and texts whose numbers are no numbering.

Written before the grammar was measured; `benchmarks/data_extract.py` counts them.
"""

STEPS = ["Open the lid.", "Press the red button.", "Wait for the beep."]


def with_marks(first: str, second: str, third: str, space: str = " ") -> str:
    return "\n".join(f"{mark}{space}{step}" for mark, step in zip((first, second, third), STEPS, strict=True))


def counted(form: str, space: str = " ") -> str:
    return with_marks(form.format(1), form.format(2), form.format(3), space)


FORMS = {
    "1.": counted("{}."),
    "1)": counted("{})"),
    "(1)": counted("({})"),
    "1.)": counted("{}.)"),
    "1-": counted("{}-"),
    "1 -": counted("{} -"),
    "1 – (dash)": counted("{} –"),
    "1:": counted("{}:"),
    "#1": counted("#{}"),
    "#1:": counted("#{}:"),
    "[1]": counted("[{}]"),
    "a)": with_marks("a)", "b)", "c)"),
    "a.": with_marks("a.", "b.", "c."),
    "A)": with_marks("A)", "B)", "C)"),
    "(a)": with_marks("(a)", "(b)", "(c)"),
    "i.": with_marks("i.", "ii.", "iii."),
    "i)": with_marks("i)", "ii)", "iii)"),
    "I.": with_marks("I.", "II.", "III."),
    "circled": with_marks("①", "②", "③"),
    "dark circled": with_marks("❶", "❷", "❸"),
    "keycaps": counted("{}\ufe0f\u20e3"),
    "Step 1:": counted("Step {}:"),
    "Step 1.": counted("Step {}."),
    "Step 1)": counted("Step {})"),
    "Step 1 -": counted("Step {} -"),
    "Step 1 Open": counted("Step {}"),
    "STEP 1:": counted("STEP {}:"),
    "Step #1:": counted("Step #{}:"),
    "Step one:": with_marks("Step one:", "Step two:", "Step three:"),
    "Step One.": with_marks("Step One.", "Step Two.", "Step Three."),
    "**Step 1:**": counted("**Step {}:**"),
    "**1.**": counted("**{}.**"),
    "bold as a whole": "\n".join(f"**{number}. {step}**" for number, step in enumerate(STEPS, start=1)),
    "### Step 1:": counted("### Step {}:"),
    "Step 1 of 3:": counted("Step {} of 3:"),
    "Langkah 1:": counted("Langkah {}:"),
    "Langkah ke-1:": counted("Langkah ke-{}:"),
    "Paso 1:": counted("Paso {}:"),
    "Paso uno:": with_marks("Paso uno:", "Paso dos:", "Paso tres:"),
    "Schritt 1:": counted("Schritt {}:"),
    "Schritt eins:": with_marks("Schritt eins:", "Schritt zwei:", "Schritt drei:"),
    "Étape 1 :": counted("Étape {} :"),
    "Passo 1:": counted("Passo {}:"),
    "Шаг 1:": counted("Шаг {}:"),
    "Шаг 1.": counted("Шаг {}."),
    "ステップ1：": counted("ステップ{}：", space=""),
    "ステップ 1": counted("ステップ {}"),
    "手順1：": counted("手順{}：", space=""),
    "第1步：": counted("第{}步：", space=""),
    "第一步": with_marks("第一步", "第二步", "第三步", space=""),
    "步骤1：": counted("步骤{}：", space=""),
    "full width １．": with_marks("１．", "２．", "３．", space=""),
    "full width １）": with_marks("１）", "２）", "３）", space=""),
    "1、": counted("{}、", space=""),
    "- [ ] task list": with_marks("- [ ]", "- [ ]", "- [ ]"),
    "- [x] done tasks": with_marks("- [x]", "- [x]", "- [x]"),
    "1.Open": counted("{}.", space=""),
    "a byte order mark": "\ufeff" + counted("{}."),
    "zero-width marks": counted("\u200b{}.\u200b"),
    "no-break spaces": counted("\u00a0{}.", space="\u00a0"),
}

# What must come out as it went in: the steps of a text, in which further numbers are words of the text.
UNDAMAGED = {
    "10 minutes": ["10 minutes later, stir.", "2024 was the year to note.", "1.5 cups of rice go in."],
    "times": ["1:30 pm is the time to start.", "2:15 pm is the time to stop."],
    "ranges": ["1-2 minutes are enough.", "2-3 minutes are too many."],
    "phones": ["1-800-555-0100 is the number.", "2-way calls are free."],
    "channels": ["#1 on the list is the router.", "Press # and 2."],
    "sentences with letters": ["A. Smith signs first.", "B. Jones signs second."],
    "steps in sentences": ["Step 2 of the wizard opens.", "Go back to step 1."],
    "versions": ["3.11 is the version to take.", "4.0 will follow."],
    "step one as a goal": ["Take step one of the ladder.", "Paso a paso, check the rest."],
}
