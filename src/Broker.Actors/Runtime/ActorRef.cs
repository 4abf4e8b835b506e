namespace Broker.Actors.Runtime;

/// <summary>
/// The address of an actor; the only way to reach it. A ref stays valid when the actor restarts, and goes to nobody once it has stopped.
/// Any thread may use it.
/// </summary>
public abstract class ActorRef : IEquatable<ActorRef>
{
    /// <summary>Stands for "no sender". What is told to it is dropped.</summary>
    public static ActorRef NoSender { get; } = new NobodyRef();

    /// <summary>Path of the actor, with the uid of this life.</summary>
    public abstract ActorPath Path { get; }

    /// <summary>True for refs that have no actor behind them: <see cref="NoSender"/> and <see cref="ActorSystem.DeadLetters"/>.</summary>
    public virtual bool IsNobody => false;

    /// <summary>
    /// Puts a message into the actor's mailbox and returns; never blocks and never throws for the state of the receiver. Delivery is
    /// at most once, in order for each pair of sender and receiver. A message that cannot be delivered (the actor has stopped, its mailbox is
    /// full) becomes a <see cref="DeadLetter"/>.
    /// </summary>
    /// <param name="message">Not null, and not to be changed by the sender afterwards.</param>
    /// <param name="sender">Whom the receiver answers; <c>null</c> is <see cref="NoSender"/>.</param>
    public abstract void Tell(object message, ActorRef? sender = null);

    /// <summary>What <see cref="AskExtensions.AskAsync"/> runs on. An engine overrides it to use its own clock.</summary>
    /// <returns>The first answer, as it came.</returns>
    protected internal virtual Task<object> AskCoreAsync(object message, TimeSpan timeout, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{Path} cannot be asked.");

    /// <inheritdoc/>
    public bool Equals(ActorRef? other) =>
        ReferenceEquals(this, other) || (other is not null && Path.Uid == other.Path.Uid && Path.Equals(other.Path));

    /// <inheritdoc/>
    public sealed override bool Equals(object? obj) => Equals(obj as ActorRef);

    /// <inheritdoc/>
    public sealed override int GetHashCode() => Path.Uid.GetHashCode();

    /// <summary>Same path and same life.</summary>
    public static bool operator ==(ActorRef? left, ActorRef? right) => left is null ? right is null : left.Equals(right);

    /// <summary>Another path or another life.</summary>
    public static bool operator !=(ActorRef? left, ActorRef? right) => !(left == right);

    /// <inheritdoc/>
    public override string ToString() => $"{Path}#{Path.Uid}";

    private sealed class NobodyRef : ActorRef
    {
        public override ActorPath Path { get; } = ActorPath.Root("").Child("nobody", 0);

        public override bool IsNobody => true;

        public override void Tell(object message, ActorRef? sender = null)
        {
        }
    }
}
