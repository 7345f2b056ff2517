"""Game days: several scenarios in one supervised session, with a record to sign.

`plan` is the intent and `format` its file, `foresee` what each step will do, `session` what
happened, `conduct` the story, `record` what is shown of it afterwards. `runner` does it, `rehearse`
only plays it; `terminal` and `unattended` are the two ways to be there.
"""
