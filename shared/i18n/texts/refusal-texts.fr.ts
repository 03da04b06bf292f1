import type { RefusalTexts } from "./refusal-texts.ts";

export const refusalTextsFr: RefusalTexts = {
  invalidKey: "«\u00a0{key}\u00a0» n’est pas une clé de tâche valide. Exemple de clé\u00a0: ONB-12.",
  unknownTask: "La tâche {task} n’existe pas dans Plane ou Groundcrew n’y a pas accès.",
  removedTask: "La tâche {task} a été supprimée ou archivée dans Plane.",
  removedProject: "Le projet de la tâche {task} a été archivé ou supprimé dans Plane, ou Groundcrew n’y a plus accès.",
  unknownProject: "Le projet «\u00a0{project}\u00a0» est introuvable. Projets\u00a0: {projects}.",
  foreignProject:
    "Le projet «\u00a0{project}\u00a0» existe déjà et n’a pas été créé par Groundcrew. Choisissez un autre nom.",
  archivedProject:
    "Le projet «\u00a0{project}\u00a0» est archivé dans Plane. Restaurez-le dans Plane ou choisissez un autre nom.",
  takenProject: "Un autre projet de Plane porte le même nom ou le même identifiant. Choisissez-en un autre.",
  invalidProject:
    "Plane n’accepte pas le nom ou l’identifiant du projet. Utilisez des lettres, des chiffres et des espaces.",
  existingTask:
    "«\u00a0{title}\u00a0» a déjà été créée dans {project}, puis archivée ou supprimée. Choisissez un autre titre pour la créer de nouveau.",
  invalidTitle: "Le titre doit compter de 1 à {limit} caractères\u00a0; celui-ci en compte {n}.",
  invalidDate: "«\u00a0{date}\u00a0» n’est pas une date valide. Utilisez la forme AAAA-MM-JJ.",
  invalidGroup: "Le nom d’un cycle ou d’un module doit compter de 1 à {limit} caractères.",
  invalidChange: "Il n’y a rien à modifier, ou la date de début est postérieure à l’échéance.",
  textTooLong: "Le texte est trop long. Raccourcissez-le ou joignez-le à la tâche sous forme de fichier.",
  emptyText: "Le texte est vide.",
  unknownPerson: "Personne ne s’appelle «\u00a0{name}\u00a0» dans l’espace de travail Plane. Agents\u00a0: {agents}.",
  ambiguousPerson:
    "Plusieurs personnes s’appellent «\u00a0{name}\u00a0» dans l’espace de travail Plane. Indiquez une adresse e-mail.",
  noAccount: "{agent} n’a pas de compte dans l’espace de travail Plane. Invitez d’abord cet agent.",
  guest: "Plane n’accepte pas d’attribuer {task} à {name}. Ajoutez {name} aux membres du projet {project} dans Plane.",
  noMemberRights:
    "Le compte Plane de Groundcrew ne peut pas ajouter de membres à {project}. Nommez-le administrateur de ce projet ou ajoutez les membres vous-même.",
  noState:
    "{project} n’a aucun état dans Plane qui corresponde à «\u00a0{status}\u00a0». Ajoutez-en un dans les paramètres du projet.",
  notInReview: "La tâche {task} n’est pas en relecture\u00a0; elle est {status}.",
  ticketGone: "Le ticket n’existe plus.",
  ticketClosed: "{task} a été fermée, supprimée ou réattribuée dans Plane\u00a0: son ticket est annulé.",
  ticketNotPossible: "L’état du ticket ne le permet plus. Vérifiez-le de nouveau.",
  blockerLine:
    "La description de la tâche {task} mentionne {blocker} dans une ligne «\u00a0Bloquée par\u00a0» au milieu d’un autre texte. Modifiez la description dans Plane.",
  blockerTwice: "{blocker} devait être à la fois ajoutée et retirée.",
  blockerCycle:
    "La tâche {task} ne peut pas dépendre de {blocker}\u00a0: les tâches se bloqueraient mutuellement ({path}).",
  planner: "{agent}, qui a établi ce plan, n’est plus Concierge. Demandez à un Concierge de refaire le plan.",
  planAssignees: "Le plan attribue des tâches à quelqu’un qui est inconnu dans l’espace de travail Plane.",
  statusNotSet: "{agent} n’a pas pu passer la tâche au statut «\u00a0{status}\u00a0»\u00a0: {reason}",
  tokenOverridden:
    "{setting} provient de l’environnement, qui l’emporte sur le fichier des secrets. Remplacez-le dans l’environnement ; ou retirez-le de l’environnement, redémarrez Groundcrew et réessayez.",
  tokenElsewhere:
    "Groundcrew ne gère ici aucun fichier de secrets. Remplacez AGENT_TOKEN_<AGENT> là où les secrets sont configurés.",
  tokenNotReplaced:
    "Le jeton de {agent} n’a pas été remplacé, car le fichier des secrets ou son dossier ne peut être lu ou écrit actuellement. Le journal en donne la raison.",
  failedJobGone: "Cette opération en échec n’existe plus. Elle a peut-être déjà été relancée ou abandonnée.",
  commandsOff:
    "Les commandes sont désactivées. Définissez TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID et TELEGRAM_ALLOWED_USERS.",
  signInOff: "ADMIN_TOKEN n’est pas défini : la connexion est impossible. Définissez-le et redémarrez Groundcrew.",
  noHold: "Aucune limite de débit n’arrête plus les requêtes vers {system}.",
  planeKey: "Plane a refusé la clé d’API. Vérifiez-la dans les paramètres.",
  planePermission: "Plane ne l’autorise pas. Vérifiez le rôle du compte dans l’espace de travail et dans le projet.",
  planeNotFound: "Plane n’a pas trouvé l’objet. Il a peut-être été supprimé ou archivé.",
  planeConflict: "Plane contient déjà un objet identique.",
  planeInvalid: "Plane a rejeté la modification ({detail}).",
  planeBusy: "La limite de requêtes à Plane est atteinte. Réessayez dans {seconds}\u00a0s.",
  planeUnavailable: "Plane n’a pas répondu. Vérifiez qu’il fonctionne.",
  planeUnexpected:
    "Plane a donné une réponse inattendue. Vérifiez son adresse, sa version et tout proxy placé devant lui.",
  internal: "Erreur interne\u00a0; le journal contient les détails sous {id}.",
};
