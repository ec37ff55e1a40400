module foss-data.platform/build/oauth2_proxy

go 1.25.0

require github.com/oauth2-proxy/oauth2-proxy/v7 v7.15.2
