"""The words that the demo's invented films are named with: a title sounds like its first genre."""

from typing import NamedTuple


class GenreWords(NamedTuple):
    """A genre's words, and the genres that films of it often have as well."""

    neighbours: tuple[str, ...]
    adjectives: str
    nouns: str


GENRES: dict[str, GenreWords] = {
    "Action": GenreWords(
        ("Crime", "Adventure", "Science Fiction"),
        "Burning Relentless Armored Rogue Final Steel Double Explosive Hunted Unstoppable",
        "Extraction Payload Vendetta Convoy Ricochet Gauntlet Countdown Overpass Detonator Pursuit",
    ),
    "Adventure": GenreWords(
        ("Fantasy", "Animation", "Action"),
        "Uncharted Sunken Northern Forgotten Emerald Wandering Stormbound Golden Farthest Monsoon",
        "Archipelago Compass Caravan Lagoon Summit Expedition Atlas Schooner Plateau Cartographer",
    ),
    "Animation": GenreWords(
        ("Comedy", "Adventure", "Fantasy"),
        "Tiny Bouncing Paper Clockwork Sleepy Marvelous Wobbly Moonlit Giggling Patchwork",
        "Hedgehog Teapot Penguins Umbrella Raccoon Snowflake Tortoise Lighthouse Dumpling Kite",
    ),
    "Comedy": GenreWords(
        ("Romance", "Animation", "Drama"),
        "Awkward Overbooked Accidental Hopeless Improper Unpaid Second-Hand Uninvited Hungover Borrowed",
        "In-Laws Roommates Sabbatical Bachelors Landlord Reunion Plumber Karaoke Mayor Casserole",
    ),
    "Crime": GenreWords(
        ("Drama", "Action"),
        "Crooked Unmarked Silent Cold Buried Counterfeit Guilty Backstreet Perfect Missing",
        "Alibi Informant Ledger Verdict Burglar Witness Precinct Ransom Accomplice Safecracker",
    ),
    "Documentary": GenreWords(
        ("Drama",),
        "Vanishing Inside Untold Living Ordinary Measured Hidden Slow Public Beneath",
        "Glaciers Harvest Orchestra Newsroom Beekeepers Shipyard Wetlands Archive Laundromat Observatory",
    ),
    "Drama": GenreWords(
        ("Romance", "Crime"),
        "Quiet Broken Distant Fading Unspoken Autumn Last Fragile Ordinary Patient",
        "Daughters Inheritance Orchard Letters Harbor Vineyard Apology Sanatorium Widow Homecoming",
    ),
    "Fantasy": GenreWords(
        ("Adventure", "Animation", "Romance"),
        "Enchanted Ashen Crowned Whispering Silver Thorned Runebound Dragonborn Hollow Seventh",
        "Oracle Citadel Griffin Sorceress Kingdom Amulet Changeling Wyrm Prophecy Spellsmith",
    ),
    "Horror": GenreWords(
        ("Science Fiction", "Crime"),
        "Haunted Rotting Screaming Nameless Bleeding Cursed Faceless Midnight Unburied Crawling",
        "Cellar Séance Nursery Asylum Scarecrow Mortuary Ritual Congregation Basement Marrow",
    ),
    "Romance": GenreWords(
        ("Comedy", "Drama"),
        "Tender Parisian Summer Stolen Secret Midsummer Hopeful Letterpress Honeyed Rainy",
        "Kiss Sweethearts Serenade Waltz Bouquet Promise Honeymoon Rendezvous Florist Valentine",
    ),
    "Science Fiction": GenreWords(
        ("Action", "Horror", "Adventure"),
        "Orbital Quantum Synthetic Interstellar Cryogenic Martian Parallel Terraformed Binary Zero-Gravity",
        "Colony Android Wormhole Signal Satellite Anomaly Starship Replicant Airlock Singularity",
    ),
    "Western": GenreWords(
        ("Action", "Drama"),
        "Dusty Lonesome Outlaw Dry Rawhide Gunmetal Prairie Crimson Wayward Whiskey",
        "Sheriff Stagecoach Saloon Canyon Gunslinger Homestead Mustang Railroad Posse Tumbleweed",
    ),
}
