"""What leaves the house: a tuned model as the file that will be served, with its lineage, and the proof that this file
answers as the model that was measured.

Stands above the stages generation (merge, prompts) and evaluation (the claim): it makes nothing that a stage reads
except predictions, which evaluate takes as the system `shipped`.
"""
