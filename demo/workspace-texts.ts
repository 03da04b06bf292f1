import type { Locale } from "../shared/i18n/localize.ts";

/** What a ticket of the demo says to people. */
export interface TicketWords {
  title: string;
  description: string;
  summary: string;
  /** What the session asks before it begins. */
  question?: string;
}

/** Everything that people of the demo read in Plane, besides what Groundcrew writes: in the language of the settings. */
export interface WorkspaceTexts {
  /** What each agent can do, by its name. */
  personas: Record<"Concierge" | "Imhotep" | "Thot" | "Ptah" | "Seshat", string>;
  projects: Record<"office" | "platform" | "website", string>;
  cycles: Record<"sprint" | "welcome", string>;
  tasks: Record<
    | "details"
    | "meeting"
    | "guide"
    | "contract"
    | "image"
    | "deploy"
    | "release"
    | "certificate"
    | "keys"
    | "landing"
    | "post",
    string
  >;
  guideDescription: string;
  imageComment: string;
  /** What Imhotep asks about the image. */
  imageQuestion: { text: string; choices: string[] };
  /** What Ada wishes, in one sentence. */
  wish: string;
  tickets: Record<"story" | "logs" | "version", TicketWords>;
  agents: AgentWords;
}

/** What scripted agents write. `{…}` are places for values. */
export interface AgentWords {
  locale: Locale;
  /** The steps of a plan: the verb of the task's title, and a word of the persona that can do it. */
  steps: Record<"design" | "build" | "test", { verb: string; skill: string }>;
  wishedFor: string;
  change: string;
  whatFor: string;
  newProject: string;
  /** A wish and what it is for. */
  wishFor: string;
  progress: string;
  result: string;
  basedOn: string;
  file: string;
  isDone: string;
  by: string;
  total: string;
}

const en: WorkspaceTexts = {
  personas: {
    Concierge: "Plans what people wish and sums up the results.",
    Imhotep: "Engineer: runs servers and releases.",
    Thot: "Writer: writes guides and posts.",
    Ptah: "Artist and tester: can design and test.",
    Seshat: "Developer: can build software.",
  },
  projects: { office: "Onboarding", platform: "Platform", website: "Website" },
  cycles: { sprint: "Sprint 1", welcome: "Welcome week" },
  tasks: {
    details: "Collect the new colleague's details",
    meeting: "Book the welcome meeting",
    guide: "Write the welcome guide",
    contract: "Sign the contract",
    image: "Build the container image",
    deploy: "Deploy it to staging",
    release: "Document the release steps",
    certificate: "Renew the certificate",
    keys: "Rotate the <b>access</b> keys; $(id)",
    landing: "Draw the landing page",
    post: "Write the first post",
  },
  guideDescription: "One page, plain words.",
  imageComment: "Use the slim base image, please.",
  imageQuestion: { text: "Which tag shall the image get?", choices: ["1.0", "latest", "the commit"] },
  wish: "add a contact form to the website",
  tickets: {
    story: {
      title: "Add a health check to the deploy script",
      description: "The old version shall only stop when the new one answers. See <code>deploy/run.sh</code>.",
      summary: "The deploy script waits up to 60 s until the new version answers on `/health`; else the old one stays.",
    },
    logs: {
      title: "Delete log files after 30 days",
      description: "The disk of the server is full every few months.",
      summary: "Log files are compressed every day and deleted after 30 days.",
      question: "Shall the log of errors be deleted as well?",
    },
    version: {
      title: "Show the version on the status page",
      description: "Support asks for it in every call.",
      summary: "The status page shows the version and the time of the last deployment.",
    },
  },
  agents: {
    locale: "en",
    steps: {
      design: { verb: "Design", skill: "design" },
      build: { verb: "Build", skill: "build" },
      test: { verb: "Test", skill: "test" },
    },
    wishedFor: "A person asked for: {wish}",
    change: "They want this changed: {note}",
    whatFor: "“{wish}”: what is it for?",
    newProject: "a project of its own",
    wishFor: "{wish} for {answer}",
    progress: "More than half is done.",
    result: "Done as asked; the result is attached.",
    basedOn: "It is based on {files}.",
    file: "The result of {agent}.",
    isDone: "{project} is done.",
    by: "by {agent}",
    total: "Time: {time}. Cost: {cost}.",
  },
};

const fr: WorkspaceTexts = {
  personas: {
    Concierge: "Planifie ce que les gens souhaitent et résume les résultats.",
    Imhotep: "Ingénieur : exploite les serveurs et publie les versions.",
    Thot: "Rédacteur : écrit guides et articles.",
    Ptah: "Artiste et testeur : sait concevoir et tester.",
    Seshat: "Développeuse : sait réaliser des logiciels.",
  },
  projects: { office: "Accueil", platform: "Plateforme", website: "Site web" },
  cycles: { sprint: "Sprint 1", welcome: "Semaine d’accueil" },
  tasks: {
    details: "Recueillir les coordonnées de la nouvelle collègue",
    meeting: "Réserver la réunion de bienvenue",
    guide: "Écrire le guide de bienvenue",
    contract: "Signer le contrat",
    image: "Construire l’image du conteneur",
    deploy: "La déployer en préproduction",
    release: "Documenter les étapes de publication",
    certificate: "Renouveler le certificat",
    keys: "Renouveler les clés d’<b>accès</b> ; $(id)",
    landing: "Dessiner la page d’accueil",
    post: "Écrire le premier article",
  },
  guideDescription: "Une page, en mots simples.",
  imageComment: "Avec l’image de base légère, s’il vous plaît.",
  imageQuestion: { text: "Quelle étiquette donner à l’image ?", choices: ["1.0", "latest", "le commit"] },
  wish: "ajouter un formulaire de contact au site web",
  tickets: {
    story: {
      title: "Vérifier l’état dans le script de déploiement",
      description:
        "L’ancienne version ne doit s’arrêter que lorsque la nouvelle répond. Voir <code>deploy/run.sh</code>.",
      summary:
        "Le script attend jusqu’à 60 s que la nouvelle version réponde sur `/health` ; sinon l’ancienne version reste.",
    },
    logs: {
      title: "Supprimer les journaux après 30 jours",
      description: "Le disque du serveur est plein tous les quelques mois.",
      summary: "Les journaux sont compressés chaque jour et supprimés après 30 jours.",
      question: "Faut-il aussi supprimer le journal des erreurs ?",
    },
    version: {
      title: "Afficher la version sur la page d’état",
      description: "L’assistance la demande à chaque appel.",
      summary: "La page d’état affiche la version et l’heure du dernier déploiement.",
    },
  },
  agents: {
    locale: "fr",
    steps: {
      design: { verb: "Concevoir", skill: "concevoir" },
      build: { verb: "Réaliser", skill: "réaliser" },
      test: { verb: "Tester", skill: "tester" },
    },
    wishedFor: "Quelqu’un a demandé : {wish}",
    change: "À changer : {note}",
    whatFor: "« {wish} » : pour quoi est-ce ?",
    newProject: "un projet à part",
    wishFor: "{wish} pour {answer}",
    progress: "Plus de la moitié est faite.",
    result: "Fait comme demandé ; le résultat est joint.",
    basedOn: "Il repose sur {files}.",
    file: "Réalisé par {agent}.",
    isDone: "{project} : c’est terminé.",
    by: "par {agent}",
    total: "Temps : {time}. Coût : {cost}.",
  },
};

export const WORKSPACE_TEXTS: Record<Locale, WorkspaceTexts> = { en, fr };
