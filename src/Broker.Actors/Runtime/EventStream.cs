namespace Broker.Actors.Runtime;

/// <summary>
/// What happens in an actor system, for whoever wants to know: <see cref="DeadLetter"/>, <see cref="UnhandledMessage"/> and what actors publish.
/// Thread-safe; publishing without a subscriber costs next to nothing.
/// </summary>
public sealed class EventStream
{
    private readonly Action<Exception> _onHandlerError;
    private Action<object>[] _handlers = [];

    /// <param name="onHandlerError">Takes what a subscriber's handler throws; it does not reach the publisher.</param>
    public EventStream(Action<Exception> onHandlerError)
    {
        ArgumentNullException.ThrowIfNull(onHandlerError);
        _onHandlerError = onHandlerError;
    }

    /// <summary>True if anybody listens; lets a publisher save making an event.</summary>
    public bool HasSubscribers => Volatile.Read(ref _handlers).Length > 0;

    /// <summary>Calls the handler for each event of that type, on the publisher's thread: it must be short and thread-safe.</summary>
    /// <returns>Dispose to end the subscription.</returns>
    public IDisposable Subscribe<TEvent>(Action<TEvent> handler)
        where TEvent : class
    {
        ArgumentNullException.ThrowIfNull(handler);
        var subscription = new Subscription(this, message =>
        {
            if (message is TEvent typed)
            {
                handler(typed);
            }
        });
        Update(handlers => [.. handlers, subscription.Handler]);
        return subscription;
    }

    /// <summary>Hands an event to all subscribers of its type.</summary>
    public void Publish(object message)
    {
        foreach (var handler in Volatile.Read(ref _handlers))
        {
            try
            {
                handler(message);
            }
            catch (Exception error)
            {
                _onHandlerError(error);
            }
        }
    }

    private void Update(Func<Action<object>[], Action<object>[]> change)
    {
        Action<object>[] seen;
        do
        {
            seen = Volatile.Read(ref _handlers);
        }
        while (Interlocked.CompareExchange(ref _handlers, change(seen), seen) != seen);
    }

    private sealed class Subscription(EventStream stream, Action<object> handler) : IDisposable
    {
        public Action<object> Handler { get; } = handler;

        public void Dispose() => stream.Update(handlers => [.. handlers.Where(other => other != Handler)]);
    }
}
