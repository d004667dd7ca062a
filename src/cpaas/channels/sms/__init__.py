"""SMS over SMPP: submit_sm out, submit_sm_resp and deliver_sm back."""
