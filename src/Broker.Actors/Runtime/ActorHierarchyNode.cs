namespace Broker.Actors.Runtime;

/// <summary>One actor in a listing of the hierarchy. Numbers are of the moment they were read, each for itself.</summary>
/// <param name="Path">Where it stands.</param>
/// <param name="TypeName">Kind of actor.</param>
/// <param name="MailboxLength">Messages that wait.</param>
/// <param name="Processed">Messages handled since the start, over restarts.</param>
/// <param name="Restarts">How often it was restarted.</param>
/// <param name="ChildCount">Children that it has, whether or not they are listed.</param>
/// <param name="Children">Ordered by name; empty below the depth that was asked for.</param>
/// <param name="Detail">What the actor says about itself (<see cref="IActorContext.Describe"/>); <c>null</c> if nothing.</param>
public sealed record ActorHierarchyNode(
    ActorPath Path,
    string TypeName,
    int MailboxLength,
    long Processed,
    int Restarts,
    int ChildCount,
    IReadOnlyList<ActorHierarchyNode> Children,
    string? Detail)
{
    /// <summary>Last element of the path.</summary>
    public string Name => Path.Name;
}
