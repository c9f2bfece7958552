"""The words: ten to find, and others among which they are to be found."""

WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
"""Those of Speech Commands (P. Warden, 2018, arXiv:1804.03209) that its task of twelve classes names."""

OPEN = ("no", "go")
"""Those that end in their vowel, so that a part of one is the same word, said shorter."""

_LEARNED = """
    about airport always ambulance and answerphone arm arrive ask aunt autumn baby backward bad bag baker ball banana
    bank bath bean bed bedroom beer begin believe belt big bike bird black blood blue boat bone book box brake bread
    break bridge bring brother brown build bus butter buy call camera cancel car carry castle cat catch chain chair
    cheese cherry child church clay clean climb close cloud coat cold computer cook corner cost cotton cousin cry cup
    cut dance day deep desk dirty doctor dog door draw drink driver drop drum dry ear east easy eat egg eight eleven
    empty engine envelope eye face fall farmer fast father feel finger finish fire first fish five fix floor fly
    follow foot forest forget fork forward four fridge friend from fruit full game give glass glove gold good grape
    grass gray green guitar hair hand happy hard hat hate have head hear heart heavy hello help high higher hill hold
    hope hospital hot hotel hour house hundred jacket judge juice jump key keyboard king knee knife lake lamp last
    laugh lawyer leaf learn leather leave leg lemon letterbox lift light listen lock long look loser loud louder love
    low lower man map marvin match maybe meat meet metal milk minute month moon morning mother mountain mouth music
    narrow need neighbor never new next nine north nose nurse office old one open orange oven page paint pan paper
    pause pay pencil people pepper phone piano picture pink plastic plate play player please pocketknife poem police
    poor prince prize pull purple push queen quiet race radio rain read red remember repeat rest resume rice rich ring
    road roof room root run salt sand school screen sea second see seed sell send seven sharp sheila shirt shoe shop
    short shoulder shout sing sister sit six skin sky sleep slow small smell smile snow sock soft softer soldier song
    sorry soup south speak spoon spring stairs stamp stand star station stone story stranger student sugar sun swim
    table take taste tea teacher team ten thank that the there they thick thin think this three throw thumb ticket
    time today tomorrow tongue tooth touch town travel tree truck turn twelve twenty two uncle under video visit
    visual volume wait waiter wake walk wall want warm wash watch water week west wet what wheel when which whisper
    white wide will wind window wine winner winter with woman wood wool work wow year yellow yesterday young your zero
"""

_UNHEARD = """
    answer apple basket blanket button candle captain coffee copper dinner dragon flower garden hammer horse kitchen
    ladder letter market mirror monday number orchestra pepperoni person pillow pocket river rocket sailor silver
    street summer thunder train tunnel valley velvet village wizard
"""

LEARNED_OTHERS = tuple(_LEARNED.split())
UNHEARD_OTHERS = tuple(_UNHEARD.split())
"""Never in training."""
