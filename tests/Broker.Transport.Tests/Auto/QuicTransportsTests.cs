using Broker.Transport.Auto;
using Broker.Transport.InMemory;
using Broker.Transport.MsQuic;
using Broker.Transport.Ngtcp2;

namespace Broker.Transport.Tests.Auto;

public class QuicTransportsTests
{
    private readonly Dictionary<IQuicTransport, string> _made = [];

    [Fact]
    public async Task Auto_takes_the_first_that_works()
    {
        await using var preferred = BackendChoice.Select("auto", [Working("first"), Working("second")]);
        await using var fallback = BackendChoice.Select("auto", [Missing("first", "libfirst"), Working("second")]);

        Assert.Equal(("first", "second"), (_made[preferred], _made[fallback]));
    }

    [Fact]
    public void Auto_without_any_library_names_the_packages_of_all()
    {
        var failure = Assert.Throws<QuicTransportException>(() => BackendChoice.Select("auto", [Missing("first", "libfirst"), Missing("second", "libsecond")]));

        Assert.Equal(QuicError.LibraryMissing, failure.Error);
        Assert.Contains("libfirst", failure.Message, StringComparison.Ordinal);
        Assert.Contains("libsecond", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Explicit_choice_that_is_missing_names_its_package_and_does_not_fall_back()
    {
        var failure = Assert.Throws<QuicTransportException>(() => BackendChoice.Select("first", [Missing("first", "libfirst"), Working("second")]));

        Assert.Equal(QuicError.LibraryMissing, failure.Error);
        Assert.Contains("libfirst", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("quiche")]
    [InlineData("")]
    [InlineData("MSQUIC")]
    public void Unknown_kind_is_refused_with_the_valid_ones(string kind)
    {
        var failure = Assert.Throws<QuicTransportException>(() => QuicTransports.Create(kind));

        Assert.Equal(QuicError.InvalidConfiguration, failure.Error);
        Assert.Contains("auto, msquic, ngtcp2", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Auto_prefers_msquic_to_ngtcp2_on_this_machine()
    {
        var msquic = MsQuicTransport.IsSupported(out _);
        Assert.SkipUnless(msquic || Ngtcp2Transport.IsSupported(out _), "no QUIC library is installed here");

        await using var transport = QuicTransports.Create("auto");

        Assert.Equal(msquic ? "msquic" : "ngtcp2", transport.Name);
    }

    [Fact]
    public void Missing_msquic_names_its_package()
    {
        if (MsQuicTransport.IsSupported(out _))
        {
            Assert.Skip("libmsquic is installed here");
        }

        var failure = Assert.Throws<QuicTransportException>(() => QuicTransports.Create("msquic"));

        Assert.Equal(QuicError.LibraryMissing, failure.Error);
        Assert.Contains("'libmsquic'", failure.Message, StringComparison.Ordinal);
    }

    private BackendChoice Working(string name) => new(name, () => null, () =>
    {
        var transport = new InMemoryTransport();
        _made[transport] = name;
        return transport;
    });

    private static BackendChoice Missing(string name, string package) =>
        new(name, () => $"install {package}", () => throw new InvalidOperationException("a missing backend was created"));
}
