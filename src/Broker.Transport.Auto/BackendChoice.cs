namespace Broker.Transport.Auto;

/// <summary>A backend as a choice: its name in configuration, whether it works here, and how to make it.</summary>
/// <param name="Name">The configuration value.</param>
/// <param name="Problem">Why it does not work here, naming the package to install; <c>null</c> if it works.</param>
/// <param name="Create">Makes the transport.</param>
internal sealed record BackendChoice(string Name, Func<string?> Problem, Func<IQuicTransport> Create)
{
    /// <summary>The value that takes the first choice which works.</summary>
    public const string Auto = "auto";

    /// <exception cref="QuicTransportException">As <see cref="QuicTransports.Create"/> says.</exception>
    public static IQuicTransport Select(string kind, IReadOnlyList<BackendChoice> choices)
    {
        if (kind == Auto)
        {
            var usable = choices.FirstOrDefault(choice => choice.Problem() is null) ?? throw new QuicTransportException(
                QuicError.LibraryMissing,
                "no QUIC library is usable here; one of these is enough. " + string.Join(" ", choices.Select(choice => $"{choice.Name}: {choice.Problem()}")));
            return usable.Create();
        }

        var chosen = choices.FirstOrDefault(choice => choice.Name == kind) ?? throw new QuicTransportException(
            QuicError.InvalidConfiguration,
            $"transport '{kind}' is not known; use one of: {string.Join(", ", choices.Select(choice => choice.Name).Prepend(Auto))}");
        return chosen.Problem() is { } problem
            ? throw new QuicTransportException(QuicError.LibraryMissing, $"transport '{kind}': {problem}")
            : chosen.Create();
    }
}
