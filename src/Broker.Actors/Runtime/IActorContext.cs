namespace Broker.Actors.Runtime;

/// <summary>An actor's surroundings. Only the actor itself may use it, and only inside its own calls; it is not thread-safe.</summary>
public interface IActorContext
{
    /// <inheritdoc cref="Actor.Self"/>
    ActorRef Self { get; }

    /// <inheritdoc cref="Actor.Sender"/>
    ActorRef Sender { get; }

    /// <summary>Who supervises this actor.</summary>
    ActorRef Parent { get; }

    /// <summary>The system that this actor lives in.</summary>
    ActorSystem System { get; }

    /// <summary>A snapshot of the children that have not terminated, those that are stopping included.</summary>
    IReadOnlyCollection<ActorRef> Children { get; }

    /// <summary>The child of that name that has not terminated; <c>null</c> if there is none.</summary>
    ActorRef? Child(string name);

    /// <summary>Starts a child. It returns at once; the child is constructed in its own turn.</summary>
    /// <param name="props">How it is made.</param>
    /// <param name="name">Unique among siblings that have not terminated, see <see cref="ActorPath.ValidateName"/>; <c>null</c> gives a generated name.</param>
    /// <exception cref="ActorNameException">A sibling has the name.</exception>
    /// <exception cref="ArgumentException">The name is not a path element.</exception>
    /// <exception cref="InvalidOperationException">This actor is stopping.</exception>
    ActorRef ActorOf(Props props, string? name = null);

    /// <summary>
    /// Stops an actor: it finishes the message at hand, its children stop, then <see cref="Actor.PostStop"/>; messages left in its mailbox become
    /// dead letters. Asynchronous and idempotent; watch to learn of the end.
    /// </summary>
    void Stop(ActorRef actor);

    /// <summary>
    /// Asks for one <see cref="Terminated"/> when that actor has stopped; at once if it already has. Idempotent. It comes after every message
    /// that the actor told before its end.
    /// </summary>
    void Watch(ActorRef actor);

    /// <summary>Takes a watch back; no <see cref="Terminated"/> of that actor is handled after this call.</summary>
    void Unwatch(ActorRef actor);

    /// <summary>Timers of this actor.</summary>
    ITimerScheduler Timers { get; }

    /// <summary>
    /// Tells <see cref="ReceiveTimeout"/> to this actor whenever it has handled no message for that long; again and again while it stays idle.
    /// <c>null</c> switches it off. A restart switches it off.
    /// </summary>
    void SetReceiveTimeout(TimeSpan? timeout);

    /// <summary>
    /// Turns the end of asynchronous work into a message to this actor. The message does not count against the mailbox bound: it was asked for,
    /// and the number of tasks in flight is for the actor to bound.
    /// </summary>
    /// <param name="task">The work. It must not touch the actor's state.</param>
    /// <param name="success">Makes the message of the result. Runs on the thread that completed the task, so it must not touch the actor's state.</param>
    /// <param name="failure">Makes the message of the exception (also of cancellation, and of one thrown by <paramref name="success"/>).</param>
    void PipeTo<T>(ValueTask<T> task, Func<T, object> success, Func<Exception, object> failure);

    /// <summary>
    /// Publishes a line about this actor's state for <see cref="ActorHierarchyNode.Detail"/>. The function is called from any thread while the
    /// actor runs, so it must only read what is safe to read so (counters, immutable objects). A restart keeps it until it is set again.
    /// </summary>
    void Describe(Func<string>? detail);

    /// <summary>The same with what an object's <see cref="object.ToString"/> says.</summary>
    void DescribeBy(object state);
}
