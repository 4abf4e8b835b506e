using Broker.Transport.MsQuic;

namespace Broker.Transport.Tests.MsQuic;

public class MsQuicTransportTests
{
    [Fact]
    public void Missing_library_is_an_error_that_names_the_package()
    {
        if (MsQuicTransport.IsSupported(out _))
        {
            Assert.Skip("libmsquic is installed here");
        }

        var failure = Assert.Throws<QuicTransportException>(() => new MsQuicTransport());

        Assert.Equal(QuicError.LibraryMissing, failure.Error);
        Assert.Contains("package 'libmsquic'", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2.4.8")]
    [InlineData("2.4.19")]
    [InlineData("2.5.9")]
    public void Library_that_a_client_can_crash_is_refused(string version) =>
        Assert.Contains(version, MsQuicSupport.Judge(Version.Parse(version)), StringComparison.Ordinal);

    [Theory]
    [InlineData("2.5.10")]
    [InlineData("2.5.10.0")]
    [InlineData("2.6.0")]
    public void Fixed_library_is_welcome(string version) => Assert.Empty(MsQuicSupport.Judge(Version.Parse(version)));

    [Fact]
    public void Version_is_read_from_the_library()
    {
        Assert.SkipUnless(MsQuicTransport.IsSupported(out var reason), $"msquic cannot run here: {reason}");

        Assert.Matches(@"^libmsquic 2\.\d+\.\d+", new MsQuicTransport().LibraryVersions);
    }
}
