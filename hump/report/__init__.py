"""What a study says: answers in sentences, the claim ledger, and the page of results."""
