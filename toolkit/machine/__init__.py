"""This machine: its GPUs and memory, its processes by identity, its interpreters. Core: no ML library."""
