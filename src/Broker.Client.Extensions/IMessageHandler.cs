namespace Broker.Client.Extensions;

/// <summary>Handles the messages of a queue; made anew for each message, in a scope of its own.</summary>
public interface IMessageHandler
{
    /// <summary>
    /// Handles a message. Returning acknowledges it, throwing puts it back or rejects it, as the consumer's <see cref="HandlerOptions"/> say; it may also be settled
    /// here.
    /// </summary>
    /// <param name="delivery">The message; its body may be kept.</param>
    /// <param name="cancellationToken">The host stops, and the time to finish is used up.</param>
    Task HandleAsync(Delivery delivery, CancellationToken cancellationToken);
}
