using System.Runtime.ExceptionServices;

namespace Broker.Actors.Runtime;

/// <summary>Request and answer, for callers that are not actors.</summary>
public static class AskExtensions
{
    /// <summary>Tells a message and waits for the first answer that the receiver tells to its <c>Sender</c>.</summary>
    /// <remarks>An actor that needs an answer pipes the task to itself (<see cref="IActorContext.PipeTo"/>) or simply tells.</remarks>
    /// <param name="target">Who is asked.</param>
    /// <param name="message">What is asked.</param>
    /// <param name="timeout">More than zero; <see cref="Timeout.InfiniteTimeSpan"/> waits for <paramref name="ct"/> alone.</param>
    /// <param name="ct">Gives up waiting. The message is not recalled.</param>
    /// <exception cref="AskTimeoutException">No answer in time.</exception>
    /// <exception cref="AskUndeliveredException">The question became a dead letter: the receiver has stopped or its mailbox is full.</exception>
    /// <exception cref="InvalidCastException">The answer is not a <typeparamref name="T"/>.</exception>
    /// <exception cref="Exception">The exception in a <see cref="Failure"/> that came as the answer.</exception>
    public static async Task<T> AskAsync<T>(
        this ActorRef target, object message, TimeSpan timeout, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(message);
        if (timeout <= TimeSpan.Zero && timeout != Timeout.InfiniteTimeSpan)
        {
            throw new ArgumentOutOfRangeException(nameof(timeout), timeout, "An ask needs time to be answered.");
        }

        var answer = await target.AskCoreAsync(message, timeout, ct);
        switch (answer)
        {
            case T typed:
                return typed;
            case Failure failure:
                ExceptionDispatchInfo.Throw(failure.Exception);
                throw failure.Exception;
            default:
                throw new InvalidCastException(
                    $"{target.Path} answered {message.GetType().Name} with {answer.GetType().Name}, expected {typeof(T).Name}.");
        }
    }
}
