namespace Broker.Actors.Runtime.Embedded;

/// <summary>Gives threads to mailboxes that have something to do.</summary>
public interface IActorDispatcher
{
    /// <summary>Sees to it that the work item is executed once, later, not inside this call.</summary>
    /// <param name="mailbox">The mailbox itself; it is never scheduled twice at a time.</param>
    /// <param name="continues">True if it has used up its batch and asks for another turn, which should come after those who wait.</param>
    void Schedule(IThreadPoolWorkItem mailbox, bool continues);
}
