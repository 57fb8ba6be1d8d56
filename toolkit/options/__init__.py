"""Options, each declared once, in groups that the recipes' settings are made of and the stages take whole.

A group is a frozen pydantic model (`base.Options`) of options that belong together; a field is the only place of an
option's name, type, constraint, default and sentence of help. `shared` has what several recipes ask for; the other
modules have one recipe's. Settings inherit from the groups, so a recipe's YAML is flat; a section of the YAML
(`generator:`) is a field whose type is a group.

A stage names the group that it needs (`def lora_config(options: LoraOptions)`), and a recipe passes its settings, for
they are that group. Python callers build the group themselves and get the same defaults and checks. What is computed
from options (`alpha`, `rows_per_device`) is a property of their group.

The order of the fields is the order in help, YAML and form. pydantic collects fields from the last base to the first:

    class SftOptions(TrainOptions, LoraOptions, BaseModelOptions, PromptOptions, TrainingDataOptions, ModelOptions):
        ...  # model, ..., data, ..., prompt_format, quantization, lora_r, ..., learning_rate, ...
"""
