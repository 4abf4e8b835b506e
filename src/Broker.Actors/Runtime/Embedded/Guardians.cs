namespace Broker.Actors.Runtime.Embedded;

/// <summary>The root of the tree. It ends the system when the user guardian has stopped.</summary>
internal sealed class RootGuardian : Actor
{
    /// <summary>A failure that was escalated to here has no one left to decide: the system stops.</summary>
    protected override SupervisorStrategy SupervisorStrategy => SupervisorStrategy.Stopping;

    protected override void PreStart()
    {
        if (Context.Child(UserGuardian.Name) is { } user)
        {
            Context.Watch(user);
        }
        else
        {
            Context.Stop(Self); // the system was told to stop before this actor had its first turn
        }
    }

    protected override void Receive(object message)
    {
        if (message is Terminated)
        {
            Context.Stop(Self);
        }
        else
        {
            Unhandled(message);
        }
    }
}

/// <summary>Parent of the actors that <see cref="ActorSystem.ActorOf"/> starts.</summary>
internal sealed class UserGuardian : Actor
{
    public const string Name = "user";

    protected override void Receive(object message) => Unhandled(message);
}
