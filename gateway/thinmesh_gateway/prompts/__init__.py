"""The log of prompts: what tenants asked and were answered, where their policy says so, with all personal data masked."""
