"""Message templates: what they may say, who has to agree, and how a message is made of one."""
