"""Templates in the form that Indian portals register, with texts that fit and texts that do not.

(template, fitting texts, [(text, position, variable, words of the detail)])
"""

CORPUS: list[tuple[str, list[str], list[tuple[str, int, int, str]]]] = [
    (
        "Your OTP for login is {#var#}. Valid for 10 minutes. Do not share it. - MYBRND",
        [
            "Your OTP for login is 482193. Valid for 10 minutes. Do not share it. - MYBRND",
            "  Your OTP for login is AB-12. Valid for 10 minutes. Do not share it. - MYBRND\r\n",
            "Your OTP for login is . Valid for 10 minutes. Do not share it. - MYBRND",
        ],
        [
            ("Your OTP for login is 482193. Valid for 5 minutes. Do not share it. - MYBRND",
             41, 0, "'10 minutes. Do not shar…'"),
            ("Your otp for login is 482193. Valid for 10 minutes. Do not share it. - MYBRND",
             6, 0, "'OTP"),
            ("Your OTP for login is 482193. Valid for 10 minutes.", 52, 0, "the text ends"),
            ("Your OTP for login is 482193. Valid for 10 minutes. Do not share it. - MYBRND!",
             78, 0, "goes on with '!'"),
            ("Your OTP for login is " + "9" * 31
             + ". Valid for 10 minutes. Do not share it. - MYBRND", 53, 1, "31 characters"),
        ],
    ),
    (
        "Dear {#var#}{#var#}, your order {#var#} of Rs.{#var#} is on its way. {#var#} -SHOPIN",
        [
            (
                "Dear Anjali Raghunathan Venkataraman of Bengaluru, your order 17 of Rs.499.00 is"
                " on its way. https://shop.example/t/17 -SHOPIN"
            ),
            "Dear Om, your order , your order 17 of Rs.1 is on its way.  -SHOPIN",
        ],
        [
            ("Dear " + "A" * 61 + ", your order 1 of Rs.1 is on its way. x -SHOPIN", 66, 1,
             "variables 1 to 2 holds 61 characters"),
            ("Dear Om, your order 17 of Rs 499 is on its way. x -SHOPIN", 29, 0, "'."),
        ],
    ),
    (
        "प्रिय {#var#}, आपका बिल ₹{#numeric#} है। अंतिम तिथि {#var#}। धन्यवाद - बिजली",
        [
            "प्रिय अंजलि, आपका बिल ₹1450 है। अंतिम तिथि 30 नवंबर। धन्यवाद - बिजली",
            "प्रिय 😀👍🏽, आपका बिल ₹1 है। अंतिम तिथि 1। धन्यवाद - बिजली",
        ],
        [
            ("प्रिय अंजलि, आपका बिल ₹14.50 है। अंतिम तिथि 30 नवंबर। धन्यवाद - बिजली", 26, 2,
             "digits only"),
            ("प्रिय अंजलि, आपका बिल Rs1450 है। अंतिम तिथि 30। धन्यवाद - बिजली", 23, 0, "'₹'"),
        ],
    ),
    (
        "Pay {#numeric#} by {#alphanumeric#} at {#url#} or call {#cbn#}, mail {#email#}. ABCBNK",
        [
            (
                "Pay 500 by 30Nov at https://abc.example/p?id=1&x=2 or call +911800-123-456, mail"
                " help@abc.example. ABCBNK"
            ),
        ],
        [
            ("Pay 500 by 30 Nov at https://a.example or call 1800123, mail h@a.example. ABCBNK",
             14, 2, "letters and digits only"),
            ("Pay  by 30Nov at https://a.example or call 1800123, mail h@a.example. ABCBNK", 5, 1,
             "digits only"),
        ],
    ),
    ("#var# is your code for #var#. #number# attempts left. MYBRND",
     ["123 is your code for login. 2 attempts left. MYBRND"],
     [("123 is your code for login. two attempts left. MYBRND", 29, 3, "digits only")]),
    ("Get 20% off on #Diwali# {# VAR1 #} till {#Var2#}! Use {#var3#}{#var4#}",
     ["Get 20% off on #Diwali# sarees till 30th! Use A", "Get 20% off on #Diwali#  till ! Use X"],
     [("Get 20% off on #Diwali# a till b! Use " + "x" * 61, 99, 3, "at most 60")]),
    ("{#var#}{#var#}{#var#}",
     ["", "anything at all", "x" * 90],
     [("x" * 91, 91, 1, "at most 90")]),
    ("aaaa{#var#}aaaa{#var#}aaaa{#var#}aaaa",
     ["a" * 16, "a" * 106],
     [("a" * 107, 107, 0, "goes on with 'a'")]),
]  # fmt: skip
