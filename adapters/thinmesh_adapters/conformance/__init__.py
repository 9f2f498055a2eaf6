"""Named cases that any server of the contract must pass: adapter, router or gateway, in any language."""
