# SPDX-License-Identifier: Apache-2.0
"""Layers out of models, byte range by byte range; scripts/extract_fixture.py is the command line.

strict_json, headers   what untrusted files may say
cache, ranges          bytes of tensors, kept until they are complete
hub_source, local_source   models on a hub, in a folder, in a file
facts, modules  what checkpoints call things, from the table of the reader in C++; which tensors belong together
names, config, formats, settle   which layer, what its config claims, what its data shows, and whether both agree
activations, output, listing, progress   what is made of it
"""
