"""What engines that speak tokens or plain text need to serve chat: templates, tokens, stops, reasoning, tool calls. Pure."""
